/**
 * Scenarios of test/scenario/replication: commands above a line of dashes, what the replicas did below. `UPDATE=1` rewrites
 * the recorded part; its diff is what a change of the core has to justify.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ScriptedCluster } from './cluster/scripted-cluster.ts'

const folder = join(import.meta.dirname, '../../../test/scenario/replication')
const isUpdate = process.env['UPDATE'] === '1' || process.argv.includes('--update')

describe('scenarios', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
    const path = join(folder, file)
    const [script = '', recorded = ''] = readFileSync(path, 'utf8').split('\n----\n')
    const lines = script.split('\n')
    const title = lines.find((line) => line.startsWith('# '))?.slice(2) ?? file

    it(title, () => {
      const cluster = new ScriptedCluster()
      const commands = lines.filter((line) => line !== '' && !line.startsWith('#'))
      const happened = commands.map((command) => [`> ${command}`, ...cluster.execute(command)].join('\n'))
      const text = `${happened.join('\n')}\n`
      if (isUpdate) writeFileSync(path, `${script}\n----\n${text}`)
      else expect(text).toBe(recorded)
    })
  }
})
