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
