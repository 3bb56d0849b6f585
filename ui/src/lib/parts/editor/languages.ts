/** Which language a file is written in, by its name; its grammar is loaded when a file needs it. */
import type { Extension } from '@codemirror/state';
import type { StreamParser } from '@codemirror/language';

type Load = () => Promise<Extension>;

async function stream(parser: Promise<StreamParser<unknown>>): Promise<Extension> {
	const { StreamLanguage } = await import('@codemirror/language');
	return StreamLanguage.define(await parser);
}

const javascript =
	(config: { jsx?: boolean; typescript?: boolean }): Load =>
	async () =>
		(await import('@codemirror/lang-javascript')).javascript(config);
const html: Load = async () => (await import('@codemirror/lang-html')).html();
const css: Load = async () => (await import('@codemirror/lang-css')).css();
const json: Load = async () => (await import('@codemirror/lang-json')).json();
const markdown: Load = async () => (await import('@codemirror/lang-markdown')).markdown();
const python: Load = async () => (await import('@codemirror/lang-python')).python();
const rust: Load = async () => (await import('@codemirror/lang-rust')).rust();
const go: Load = async () => (await import('@codemirror/lang-go')).go();
const sql: Load = async () => (await import('@codemirror/lang-sql')).sql();
const xml: Load = async () => (await import('@codemirror/lang-xml')).xml();
const yaml: Load = async () => (await import('@codemirror/lang-yaml')).yaml();
const shell: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/shell').then((mode) => mode.shell));
const docker: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/dockerfile').then((mode) => mode.dockerFile));
const toml: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/toml').then((mode) => mode.toml));
const properties: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/properties').then((mode) => mode.properties));
const nginx: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/nginx').then((mode) => mode.nginx));
const ruby: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/ruby').then((mode) => mode.ruby));
const clike =
	(name: 'c' | 'cpp' | 'java' | 'csharp' | 'kotlin' | 'scala' | 'dart'): Load =>
	() =>
		stream(import('@codemirror/legacy-modes/mode/clike').then((mode) => mode[name]));
const sass: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/sass').then((mode) => mode.sass));
const diff: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/diff').then((mode) => mode.diff));
const lua: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/lua').then((mode) => mode.lua));
const powershell: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/powershell').then((mode) => mode.powerShell));
const swift: Load = () =>
	stream(import('@codemirror/legacy-modes/mode/swift').then((mode) => mode.swift));

const byName: Record<string, Load> = {
	dockerfile: docker,
	containerfile: docker,
	'nginx.conf': nginx,
	gemfile: ruby,
	rakefile: ruby,
	'.bashrc': shell,
	'.profile': shell
};

const byEnding: Record<string, Load> = {
	js: javascript({ jsx: true }),
	mjs: javascript({ jsx: true }),
	cjs: javascript({ jsx: true }),
	jsx: javascript({ jsx: true }),
	ts: javascript({ typescript: true }),
	mts: javascript({ typescript: true }),
	cts: javascript({ typescript: true }),
	tsx: javascript({ jsx: true, typescript: true }),
	html,
	htm: html,
	svelte: html,
	vue: html,
	css,
	scss: sass,
	sass,
	less: css,
	json,
	jsonc: json,
	webmanifest: json,
	md: markdown,
	markdown,
	py: python,
	pyi: python,
	rs: rust,
	go,
	sql,
	xml,
	svg: xml,
	plist: xml,
	yaml,
	yml: yaml,
	sh: shell,
	bash: shell,
	zsh: shell,
	fish: shell,
	toml,
	ini: properties,
	cfg: properties,
	conf: properties,
	env: properties,
	properties,
	rb: ruby,
	c: clike('c'),
	h: clike('c'),
	cc: clike('cpp'),
	cpp: clike('cpp'),
	hpp: clike('cpp'),
	java: clike('java'),
	cs: clike('csharp'),
	kt: clike('kotlin'),
	kts: clike('kotlin'),
	scala: clike('scala'),
	dart: clike('dart'),
	php: html,
	lua,
	ps1: powershell,
	swift,
	diff,
	patch: diff
};

/** What loads the grammar of a file; null where none is known. `name` may have folders before it. */
export function languageOf(name: string): Load | null {
	const file = (name.split('/').at(-1) ?? '').toLowerCase();
	const known = byName[file];
	if (known) return known;
	if (file.startsWith('dockerfile.') || file.endsWith('.dockerfile')) return docker;
	if (file.startsWith('.env')) return properties;
	const ending = file.includes('.') ? (file.split('.').at(-1) ?? '') : '';
	return byEnding[ending] ?? null;
}
