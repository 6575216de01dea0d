// The SHA-256 of a chosen file, calculated here. The file never leaves this browser: its field has no name and is sent nowhere.
//   <input type="file" data-fingerprint="id of the text field" [data-then="submit"]>

for (const input of document.querySelectorAll("[data-fingerprint]")) {
  const target = document.getElementById(input.dataset.fingerprint);
  const status = document.getElementById("hashing");

  input.addEventListener("change", async () => {
    const file = input.files[0];
    if (!file) return;
    target.value = "";
    if (!globalThis.crypto?.subtle) {
      say(status, "This browser calculates fingerprints on secure (https) pages only. Calculate it with sha256sum and type it below.");
      return;
    }
    say(status, "Calculating the fingerprint in this browser…");
    try {
      const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
      target.value = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    } catch {
      say(status, "The file could not be read here. If it is very large, calculate its fingerprint with sha256sum and type it below.");
      return;
    }
    say(status, "");
    target.dispatchEvent(new Event("change", { bubbles: true }));
    if (input.dataset.then === "submit") target.form.requestSubmit();
  });
}

function say(place, words) {
  if (place) place.textContent = words;
}
