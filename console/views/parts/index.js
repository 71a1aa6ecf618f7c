/** What screens are made of, under one name. */

export * from "./accounting.js";
export * from "./chart.js";
export * from "./controls.js";
export * from "./distribution.js";
export * from "./grid.js";
export * from "./page.js";
export * from "./words.js";
