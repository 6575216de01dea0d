// How much of an import has been sent.

const form = document.getElementById("import");
const bar = document.getElementById("upload");
const words = document.getElementById("upload-words");

form.addEventListener("htmx:beforeRequest", () => {
  bar.hidden = false;
  bar.value = 0;
  words.textContent = "Sending…";
});

form.addEventListener("htmx:xhr:progress", (event) => {
  const { lengthComputable, loaded, total } = event.detail;
  if (!lengthComputable || !total) return;
  bar.value = Math.round((100 * loaded) / total);
  words.textContent = loaded < total ? `${bar.value} % sent` : "Sent. Keeping the files safe…";
});

form.addEventListener("htmx:afterRequest", (event) => {
  bar.hidden = true;
  words.textContent = event.detail.successful ? "" : "The files did not arrive. Nothing was kept; try again.";
});
