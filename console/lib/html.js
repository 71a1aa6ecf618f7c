/** The rendering library, in one place. What is put into `html` becomes text: nothing that a user wrote is read as HTML. */

import htm from "htm";
import { h, options } from "preact";

export { createContext, Fragment, render } from "preact";
export { useCallback, useContext, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

/** @typedef {import("preact").ComponentChildren} Children */
/** @typedef {import("preact").VNode<any>} VNode */

/** @type {(() => void) | null} */
let toDraw = null;

const draw = () => {
  const due = toDraw;
  toDraw = null;
  due?.();
};

/** Whatever changes between two frames is drawn once, in the next one; nothing is drawn in a hidden tab. */
options.debounceRendering = (due) => {
  toDraw = due;
  requestAnimationFrame(draw);
};

// What one does next is done to what is drawn: a busy page handles a key and the Enter after it between the same two
// frames, and would send what was there before the key. Events that come after a field's own change are not among
// these: drawing then would put back what the field held.
for (const begin of ["keydown", "pointerdown", "submit"]) addEventListener(begin, draw, { capture: true });

/** What may be put into `html`. A function in it takes whatever it is called with. @typedef {((...values: any[]) => any) | {} | null | undefined} Value */

/** @type {(strings: TemplateStringsArray, ...values: Value[]) => VNode} */
export const html = /** @type {any} */ (htm.bind(/** @type {any} */ (h)));
