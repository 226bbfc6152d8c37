// what scrolls sideways can be reached, and so scrolled, by keyboard
addEventListener("load", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper, mjx-container"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
});
