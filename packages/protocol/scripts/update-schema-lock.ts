/**
 * Writes `schema.lock.json` from the declarations:
 *
 *     node --conditions=source packages/protocol/scripts/update-schema-lock.ts [--unreleased]
 *
 * Refuses edits that would break peers of an earlier release or the reading of their metadata logs. `--unreleased` writes them all the same: only right when
 * no release has what was edited.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import {
  declaredSchemas,
  EMPTY_LOCK,
  incompatibilities,
  schemaLock,
  type SchemaLock,
} from '../src/schema-lock.ts'

const file = new URL('../schema.lock.json', import.meta.url)
const current = schemaLock(declaredSchemas)
// A lock from before the records were in it lacks them.
const locked: SchemaLock = existsSync(file)
  ? { ...EMPTY_LOCK, ...(JSON.parse(readFileSync(file, 'utf8')) as Partial<SchemaLock>) }
  : EMPTY_LOCK
const faults = incompatibilities(locked, current)

if (faults.length > 0 && !process.argv.includes('--unreleased')) {
  for (const fault of faults) console.error(fault)
  console.error('schema.lock.json was not written.')
  process.exitCode = 1
} else {
  writeFileSync(file, `${JSON.stringify(current, null, 1)}\n`)
}
