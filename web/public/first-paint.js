// Before anything is drawn: the chosen theme and direction, so that the page does not flash.
(function () {
  var root = document.documentElement;
  var theme = null;
  var language = null;
  try {
    theme = localStorage.getItem("roundhouse.theme");
    language = localStorage.getItem("roundhouse.language");
  } catch (error) {
    // Storage is off: the system's theme and the browser's language are taken.
  }
  var dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "dark" : "light";
  language = language || navigator.language || "en";
  if (/^(he|iw)/.test(language)) root.dir = "rtl";
})();
