/** What a key says of somebody. It may be anything, as anybody can set it. */

const CSS_COLOUR = /^[#\w\s%.,()/-]{1,60}$/;

/** Give where somebody is, their name and colour; null if the value is not about anybody. */
export function personOf(key, value) {
  const { x, y, name, colour } = value ?? {};
  if (!Number.isFinite(x) || !Number.isFinite(y)) return null;
  const isNamed = typeof name === "string" && name.trim() !== "";
  const isColoured = typeof colour === "string" && CSS_COLOUR.test(colour) && CSS.supports("color", colour);
  return {
    x: Math.min(1, Math.max(0, x)),
    y: Math.min(1, Math.max(0, y)),
    name: (isNamed ? name : key.slice(key.indexOf(".") + 1)).slice(0, 30),
    colour: isColoured ? colour : "gray",
  };
}
