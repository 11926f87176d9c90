// Before anything is painted: the theme that was chosen at an earlier visit.
try {
  const { theme } = JSON.parse(localStorage.getItem("intercom.settings")) ?? {};
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // What cannot be read was not chosen.
}
