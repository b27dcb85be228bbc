/** A path within a repository: no root, no steps upwards. */
export const RELATIVE_PATH = /^(?!\/)(?![\s\S]*(?:^|\/)\.{0,2}\/)(?![\s\S]*(?:^|\/)\.{1,2}$)[\s\S]+$/;
