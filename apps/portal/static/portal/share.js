// Ready-made choices of fields, and how many are chosen. Without this module they are links that load the page anew.

const boxes = [...document.querySelectorAll('#share input[name="fields"]')];
const count = document.getElementById("count");

function tell() {
  if (!count) return;
  const chosen = boxes.filter((box) => box.checked).length;
  count.textContent = `${chosen} of ${count.dataset.all} fields`;
}

for (const preset of document.querySelectorAll("[data-fields]")) {
  preset.addEventListener("click", (event) => {
    event.preventDefault();
    const names = new Set(preset.dataset.fields.split(" "));
    for (const box of boxes) box.checked = names.has(box.value);
    for (const other of document.querySelectorAll("[data-fields]")) other.removeAttribute("aria-current");
    preset.setAttribute("aria-current", "true");
    tell();
  });
}

document.getElementById("share")?.addEventListener("change", (event) => {
  if (event.target.name !== "fields") return;
  for (const preset of document.querySelectorAll("[data-fields]")) preset.removeAttribute("aria-current");
  tell();
});

tell();
