/** How the connection is doing, and what went wrong. */

const PING_SECONDS = 2;
const ERROR_SECONDS = 8;
const UNINTERESTING = ["closed", "lost", "refused"]; // The status says so.

let timer;

/** Say for a while what went wrong. */
export function showError(error) {
  if (UNINTERESTING.includes(error.kind)) return;
  const element = document.getElementById("error");
  element.textContent = error.where ? `${error.message} (${error.where})` : error.message;
  clearTimeout(timer);
  timer = setTimeout(() => { element.textContent = ""; }, ERROR_SECONDS * 1000);
}

export function showStatus(room) {
  const text = document.getElementById("status-text");
  const delay = document.getElementById("delay");
  let wasOpen = false;

  const show = (status, reason = "") => {
    wasOpen ||= status === "open";
    document.body.dataset.status = status;
    text.textContent = {
      connecting: wasOpen ? "Connection lost, trying again …" : "Connecting …",
      open: "Connected",
      closed: `Not admitted${reason && `: ${reason}`}`,
    }[status];
    if (status !== "open") delay.textContent = "";
  };

  const measure = async () => {
    if (document.hidden || room.status !== "open") return;
    try {
      const seconds = await room.ping();
      delay.textContent = seconds < 0.0095 ? `${(1000 * seconds).toFixed(1)} ms` : `${Math.round(1000 * seconds)} ms`;
    } catch (error) {
      showError(error);
    }
  };

  room.addEventListener("status", ({ status, reason }) => {
    show(status, reason);
    measure();
  });
  show(room.status);
  setInterval(measure, PING_SECONDS * 1000);
}
