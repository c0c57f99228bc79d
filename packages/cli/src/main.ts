#!/usr/bin/env node
/** Entry of the command line: answers `--version` itself, leaves everything else to the program. */
import { enableCompileCache } from 'node:module'
import { dirname } from 'node:path'
import { versionLine } from './version.ts'

const argv = process.argv.slice(2)

// A reader that has seen enough (`millrace consume … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

if (argv.length === 1 && argv[0] === '--version') {
  process.stdout.write(versionLine('text') + '\n')
} else {
  // Saves a quarter of the start from the second run on; `dev` starts six processes at once.
  const { directory } = enableCompileCache()
  // A broker's shards are threads, and threads know of it by the variable only.
  if (directory !== undefined) process.env['NODE_COMPILE_CACHE'] ??= dirname(directory)
  const { runProgram } = await import('./program.ts')
  const exitCode = await runProgram(argv)
  if (exitCode !== 0) process.exitCode = exitCode
}
