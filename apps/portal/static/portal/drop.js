// Fields that take dropped files. Without this module they are plain file fields.
//   <div class="drop" data-drop[="submit"]> <input type="file"> [<ul class="files">] </div>

for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const list = zone.querySelector(".files");
  let depth = 0;

  zone.addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth += 1;
    zone.classList.add("over");
  });
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) zone.classList.remove("over");
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    zone.classList.remove("over");
    const files = event.dataTransfer.files;
    if (!files.length) return;
    if (input.multiple) {
      const all = new DataTransfer();
      for (const file of [...input.files, ...files]) all.items.add(file);
      input.files = all.files;
    } else {
      const one = new DataTransfer();
      one.items.add(files[0]);
      input.files = one.files;
    }
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  input.addEventListener("change", () => {
    if (list) show(list, input.files);
    if (zone.dataset.drop === "submit" && input.files.length) input.form?.requestSubmit();
  });
}

// A file dropped beside the field must not replace the page.
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}

function show(list, files) {
  list.replaceChildren();
  const shown = [...files].slice(0, 200);
  for (const file of shown) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const size = document.createElement("span");
    name.textContent = file.name;
    size.textContent = sizeInWords(file.size);
    size.className = "quiet";
    item.append(name, size);
    list.append(item);
  }
  if (files.length > shown.length) {
    const rest = document.createElement("li");
    rest.textContent = `and ${files.length - shown.length} more`;
    list.append(rest);
  }
  list.hidden = files.length === 0;
}

function sizeInWords(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
