// Joins each entry with what it imports into one classic script; the editor takes Lezer from the parser's.
import { buildSync } from 'esbuild';
import { mkdirSync, writeFileSync } from 'node:fs';

const shared = ['common', 'highlight', 'lr', 'python'].map((name) => [`@lezer/${name}`, `./shared/${name}.cjs`]);
mkdirSync('shared', { recursive: true });
for (const [name, file] of shared) writeFileSync(file, `module.exports = globalThis.chainruleLezer['${name}'];\n`);
for (const entry of ['parser', 'layout', 'editor'])
  buildSync({
    entryPoints: [`${entry}.js`],
    outdir: 'joined',
    alias: entry === 'editor' ? Object.fromEntries(shared) : {},
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
  });
