// what the generators leave to be mended
addEventListener("DOMContentLoaded", () => {
  // what the search quotes of a page is without buttons, and its formulas without TeX
  if (typeof Search == "undefined") return;
  const quoted = Search.htmlToText;
  Search.htmlToText = (html, anchor) => quoted(html
    .replace(/<div class="bar .*?<\/div>/gs, "")
    .replace(/<(span|div) class="math .*?<\/\1>/gs, "…"), anchor);
});
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise; // formulas are drawn
  // one in a line that is too long for the screen scrolls by itself
  const end = document.querySelector("article").getBoundingClientRect().right;
  for (const formula of document.querySelectorAll(".math > mjx-container:not([display])"))
    if (formula.getBoundingClientRect().right > end) formula.parentElement.className += " wide";
  // what scrolls sideways can be reached by keyboard, and so scrolled
  for (const box of document.querySelectorAll("pre, .table-wrapper, .cell_output, mjx-container, .wide"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  // one of the two columns beside the text has a name, so that both can be told apart
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
  // a fold is called what it shows
  for (const fold of document.querySelectorAll("summary")) fold.removeAttribute("aria-label");
});
