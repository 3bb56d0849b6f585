// Notes the time between two frames from now on, and scrolls a box meanwhile.
// Arguments: the box, or nothing to scroll; pixels a second; milliseconds.
const [selector, speed, lasting] = arguments;
const box = selector ? document.querySelector(selector) : null;
const began = performance.now();
let last = began;
window.benchmark = { gaps: [], done: false, scrolled: 0 };
const frame = () => {
	const now = performance.now();
	window.benchmark.gaps.push(now - last);
	last = now;
	if (box) {
		box.scrollTop = ((now - began) / 1000) * speed;
		window.benchmark.scrolled = box.scrollTop;
	}
	if (now - began < lasting) requestAnimationFrame(frame);
	else window.benchmark.done = true;
};
requestAnimationFrame(frame);
return box !== null || !selector;
