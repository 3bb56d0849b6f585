/** The terminal's own code, loaded when the first one is opened. */
import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { WebglAddon } from '@xterm/addon-webgl';
import { Terminal, type ITerminalOptions } from '@xterm/xterm';

/** A terminal in a box, with what fits its size to it. */
export function open(
	box: HTMLElement,
	options: ITerminalOptions
): { terminal: Terminal; fit: FitAddon } {
	const terminal = new Terminal(options);
	const fit = new FitAddon();
	terminal.loadAddon(fit);
	terminal.open(box);
	accelerate(terminal);
	return { terminal, fit };
}

/** Draws on the graphics card where there is one; xterm draws without it otherwise. */
function accelerate(terminal: Terminal): void {
	try {
		const webgl = new WebglAddon();
		webgl.onContextLoss(() => webgl.dispose());
		terminal.loadAddon(webgl);
	} catch {
		// Nothing is lost but speed.
	}
}
