// The editor: CodeMirror once it is there, and a plain field before.

import { h } from '../drawing/dom.js';

/** Where this script came from. */
const HOME = /** @type {HTMLScriptElement} */ (document.currentScript).src;

/** Fetch a library from beside it. @param {string} name */
export const fetched = (name) =>
  new Promise((load, error) =>
    document.head.append(h('script', { src: new URL(`vendor/${name}.js`, HOME), load, error })),
  );

/** @typedef {{text: string, mark: (line: number, says: string) => void, light: (line: number) => void}} Editor */

/**
 * Put an editor into a place.
 * @param {HTMLElement} place @param {string} text @param {() => void} typed @returns {Editor}
 */
export function editor(place, text, typed) {
  const field = h('textarea.field', {
    spellcheck: false,
    autocapitalize: 'off',
    'aria-label': 'Your code',
    input: typed,
  });
  field.value = text;
  field.rows = Math.max(6, text.split('\n').length + 1);
  place.replaceChildren(field);
  /** @type {any} */ let view = null;
  /** @type {[number, string]} */ let marked = [0, ''];
  /** @type {any} */ let made;
  const self = {
    get text() {
      return view ? view.state.doc.toString() : field.value;
    },
    set text(to) {
      if (view) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: to } });
      else field.value = to;
    },
    /** Underline a line, or none. @param {number} line @param {string} says */
    mark(line, says) {
      marked = [line, says];
      if (!view) return;
      const at = line ? view.state.doc.line(Math.min(line, view.state.doc.lines)) : null;
      const from = at ? at.from + at.text.search(/\S|$/) : 0;
      const all = at && says ? [{ from, to: Math.max(at.to, from), severity: 'error', message: says }] : [];
      view.dispatch(made.setDiagnostics(view.state, all));
    },
    /** Light the line that runs. @param {number} line */
    light(line) {
      if (view) view.dispatch({ effects: made.lit.of(line) });
    },
  };
  const arm = () => {
    made = build(/** @type {any} */ (globalThis).chainruleEditor, typed);
    const had = document.activeElement === field;
    const at = field.selectionStart;
    view = new made.EditorView({ parent: place, state: made.state(field.value) });
    field.remove();
    if (had) (view.dispatch({ selection: { anchor: Math.min(at, view.state.doc.length) } }), view.focus());
    self.mark(...marked);
  };
  fetched('editor').then(arm, () => {}); // the plain field does
  return self;
}

/** @param {any} parts of CodeMirror @param {() => void} typed */
function build(parts, typed) {
  const { Decoration, EditorState, EditorView, HighlightStyle, StateEffect, StateField, keymap, tags } = parts;
  const lit = StateEffect.define();
  const line = Decoration.line({ class: 'lit' });
  const lighting = StateField.define({
    create: () => Decoration.none,
    update(/** @type {any} */ set, /** @type {any} */ change) {
      for (const effect of change.effects)
        if (effect.is(lit))
          return effect.value && effect.value <= change.state.doc.lines
            ? Decoration.set([line.range(change.state.doc.line(effect.value).from)])
            : Decoration.none;
      return change.docChanged ? Decoration.none : set;
    },
    provide: (/** @type {any} */ field) => EditorView.decorations.from(field),
  });
  const colours = HighlightStyle.define([
    { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], class: 'tok-keyword' },
    { tag: [tags.number, tags.bool, tags.null], class: 'tok-number' },
    { tag: tags.string, class: 'tok-string' },
    { tag: tags.comment, class: 'tok-comment' },
  ]);
  const keys = [
    ...parts.defaultKeymap,
    ...parts.historyKeymap,
    {
      key: 'Tab',
      run: (/** @type {any} */ v) => !v.state.selection.main.empty && parts.indentMore(v),
      shift: parts.indentLess,
    },
  ];
  const extensions = [
    parts.lineNumbers(), parts.history(), parts.drawSelection(), parts.indentOnInput(), parts.bracketMatching(),
    parts.indentUnit.of('    '), parts.python(), parts.syntaxHighlighting(colours), lighting, keymap.of(keys),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': 'Your code', tabindex: '0' }),
    EditorView.updateListener.of((/** @type {any} */ change) => {
      if (change.docChanged) typed();
    }),
  ]; // prettier-ignore
  return {
    EditorView,
    lit,
    setDiagnostics: parts.setDiagnostics,
    state: (/** @type {string} */ doc) => EditorState.create({ doc, extensions }),
  };
}
