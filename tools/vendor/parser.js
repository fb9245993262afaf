// Lezer and its grammar of Python: read without the editor, so that a graph need not wait for it.
import * as common from '@lezer/common';
import * as highlight from '@lezer/highlight';
import * as lr from '@lezer/lr';
import * as python from '@lezer/python';

globalThis.chainruleLezer = { '@lezer/common': common, '@lezer/highlight': highlight, '@lezer/lr': lr, '@lezer/python': python };
