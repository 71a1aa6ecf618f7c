import { errorOf, notStepmill, UnavailableError } from "./problems.js";
import { newKey } from "./retries.js";

/**
 * Upload by XMLHttpRequest, which, unlike fetch, tells how much was sent. It is sent once.
 * @param {import("./transport.js").Transport} transport
 * @param {import("./transport.js").Call} call
 * @param {Blob} content
 * @param {(sent: number, total: number) => void} onProgress
 * @returns {Promise<any>}
 */
export async function uploadWithProgress(transport, call, content, onProgress) {
  call.signal?.throwIfAborted();
  const request = new XMLHttpRequest();
  request.open(call.method, transport.addressOf(call));
  const headers = { "Idempotency-Key": call.idempotencyKey ?? newKey(), ...(await transport.headers()) };
  call.signal?.throwIfAborted();
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => onProgress(event.loaded, content.size);
  return new Promise((resolve, reject) => {
    const abort = () => request.abort();
    call.signal?.addEventListener("abort", abort, { once: true });
    request.onabort = () => reject(call.signal?.reason);
    request.onerror = () => reject(new UnavailableError("server_unreachable", "The upload broke off: the server does not answer."));
    request.onload = () => {
      if (request.status >= 400) return reject(errorOf(request.status, headersOf(request), request.responseText));
      try {
        resolve(JSON.parse(request.responseText));
      } catch (cause) {
        reject(notStepmill(transport.place, cause));
      }
    };
    request.onloadend = () => call.signal?.removeEventListener("abort", abort);
    request.send(content);
  });
}

/** @param {XMLHttpRequest} request */
function headersOf(request) {
  const wait = request.getResponseHeader("retry-after");
  return new Headers(wait === null ? {} : { "retry-after": wait });
}
