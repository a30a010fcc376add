/** Leaves an unchanged live region alone: some readers would say it again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
