// CodeMirror, as far as the page needs it; it takes Lezer from the script beside it.
import { defaultKeymap, history, historyKeymap, indentMore, indentLess } from '@codemirror/commands';
import { python } from '@codemirror/lang-python';
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState, Compartment, StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

globalThis.chainruleEditor = {
  Compartment, Decoration, EditorState, EditorView, HighlightStyle, StateEffect, StateField, bracketMatching,
  defaultKeymap, drawSelection, highlightActiveLine, history, historyKeymap, indentLess, indentMore, indentOnInput,
  indentUnit, keymap, lineNumbers, lintGutter, python, setDiagnostics, syntaxHighlighting, tags,
};
