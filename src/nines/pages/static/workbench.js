// Tries the rules as soon as a field of theirs was changed; without this the button does it.

const form = document.getElementById("rules");
form?.addEventListener("change", (event) => {
  if (event.target.name !== "incidents" && form.reportValidity()) form.requestSubmit();
});
