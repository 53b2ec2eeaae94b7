// The theme: that of the system, until one is chosen.

const THEME = "anabranch.theme";

/** Show the chosen theme, and let the button choose the other; `changed` hears of it. */
export function theme(toggle, changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const shown = () => {
    toggle.setAttribute("aria-label", isDark() ? "Light theme" : "Dark theme");
    changed();
  };
  const chosen = localStorage.getItem(THEME);
  if (chosen) root.dataset.theme = chosen;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem(THEME, root.dataset.theme);
    shown();
  });
  dark.addEventListener("change", shown);
  shown();
}
