// what the generators leave to be mended, for those who use a keyboard or a screen reader
addEventListener("load", () => {
  // what scrolls sideways can be reached, and so scrolled
  for (const box of document.querySelectorAll("pre, .table-wrapper, mjx-container"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  // a fold is called what it shows
  for (const fold of document.querySelectorAll("summary")) fold.removeAttribute("aria-label");
});
