/** What is to be seen of the whole page: colours, what does not fit, what has no name. */
const numbers = colour => colour.match(/[\d.]+/g).map(Number);
const luminance = colour => {
    const [red, green, blue] = numbers(colour).map(part => {
        part /= 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const behind = element => {
    for (; element; element = element.parentElement) {
        const colour = getComputedStyle(element).backgroundColor;
        if (numbers(colour)[3] !== 0) return colour;
    }
};
const contrasts = {};
const outside = [];
for (const element of document.querySelectorAll("body *:not(script):not(noscript *)")) {
    const texts = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE);
    const text = element.value ?? texts.map(node => node.data).join("").trim();
    const box = element.getBoundingClientRect();
    if (!text || box.width === 0 || element.closest(".me")) continue;
    const [one, other] = [getComputedStyle(element).color, behind(element)].map(luminance);
    contrasts[text] = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (!element.closest("#board") && (box.left < 0 || box.right > innerWidth)) outside.push(text);
}
const sections = [...document.querySelectorAll("main > section")];
return {
    ground: luminance(getComputedStyle(document.body).backgroundColor),
    contrasts,
    outside,
    columns: new Set(sections.map(section => section.getBoundingClientRect().left)).size,
    nameless: [...document.querySelectorAll("input, button")]
        .filter(element => !element.ariaLabel && !element.labels?.length && !element.innerText)
        .map(element => element.outerHTML),
};
