import { Graph, layout } from '@dagrejs/dagre';
globalThis.chainruleLayout = { Graph, layout };
