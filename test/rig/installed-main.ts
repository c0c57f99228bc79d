/**
 * The command line as users have it, bundled, for programs that measure: what is compiled for tests is the same code in
 * hundreds of modules, whose loading would be measured with it.
 */
import { execFileSync } from 'node:child_process'
import { renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './broker-process.ts'

let main: string | null = null

/** Compiles and bundles what is in this checkout, once, which takes seconds. @returns path of the script for Node */
export function installedMain(): string {
  return (main ??= install())
}

function install(): string {
  const node = process.execPath
  execFileSync(node, [join(root, 'node_modules/typescript/bin/tsc'), '-b', root], { stdio: 'inherit' })
  // In a place of its own until it is complete, and always at the same path at last: Node keeps compiled code by path.
  const stage = join(root, `.cache/installed-${process.pid}`)
  const installed = join(root, '.cache/installed')
  execFileSync(join(root, 'scripts/stage'), [stage], { stdio: 'inherit' })
  symlinkSync(join(root, 'packages/cli/node_modules'), join(stage, 'packages/cli/node_modules'))
  rmSync(installed, { recursive: true, force: true })
  renameSync(stage, installed)
  return join(installed, 'packages/cli/dist/main.js')
}
