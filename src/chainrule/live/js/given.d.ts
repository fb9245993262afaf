// What chainrule/live/javascript.py puts before the files.
declare const VERSION: string;
declare const SLIPS: Record<string, string>;
declare const PALETTES: Record<string, string>[];
declare const DRAWING: string;
declare const STYLE: string;
declare const PANEL_STYLE: string;
declare const ZOOM_STYLE: string;
declare const FRAME_STYLE: string;
declare const XOR_STYLE: string;
declare const RULES: Record<string, string[]>;
declare const CODE_STYLE: string;
declare const WORDS: { refused: Record<string, string>; notes: [string, string][]; elsewhere: Record<string, string> };
declare const DESCENT_STYLE: string;
declare const PRACTICE_STYLE: string;

// What several files speak of.
type Drawing = import('./drawing/drawing.js').Drawing;
type Elementwise = import('./engine/ops.js').Elementwise;
type Given = import('./engine/calls.js').Given;
type Layout = import('./engine/model.js').Layout;
type Mark = import('./panels/plots.js').Mark;
type Model = import('./engine/model.js').Model;
type Nested = import('./engine/tensors.js').Nested;
type Panel = import('./drawing/more.js').Panel;
type Plain = import('./engine/model.js').Plain;
type Point = import('./panels/plots.js').Point;
type Rule = import('./engine/calls.js').Rule;
type Step = import('./engine/ops.js').Step;
type Tensor = import('./engine/tensors.js').Tensor;
type Ui = import('./drawing/element.js').Ui;
