/** The tree without files, which every repository knows. */
export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

/** Settings of every command that compares. */
export const DIFF_SETTINGS = {
  // Committed attributes could hide changes, and some versions of git read them in bare repositories too.
  'attr.tree': EMPTY_TREE,
  'core.attributesFile': '/dev/null',
  // Larger files are not read as text: comparing them takes many times their size.
  'core.bigFileThreshold': '8m',
  'core.quotePath': 'false',
  'diff.suppressBlankEmpty': 'false',
};

/** What is taken for a renamed file; the same wherever lines are counted, so that the counts are the same. */
export const SAME_RENAMES = [
  '--find-renames',
  '--no-rename-empty',
  // Looking for renames takes the square of the number of files.
  '-l500',
];
