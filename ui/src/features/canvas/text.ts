const TEXT = /\.(html?|css|m?js|json|svg|txt|md|xml|csv|webmanifest)$/i;

/** Whether a file of a canvas is one that is written, by the end of its name. */
export function isText(path: string): boolean {
	return TEXT.test(path);
}

/** The bytes of a file as a command takes them: base64. */
export function encoded(file: Blob): Promise<string> {
	return new Promise((done, failed) => {
		const reader = new FileReader();
		reader.onload = () => {
			const address = typeof reader.result === 'string' ? reader.result : '';
			done(address.slice(address.indexOf(',') + 1));
		};
		reader.onerror = () => failed(reader.error ?? new Error(`${file.type} cannot be read`));
		reader.readAsDataURL(file);
	});
}
