/** librdkafka, unmodified, through Debian's kcat: what goes in comes out, byte for byte, with every codec. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BrokerProcess } from '../rig/broker-process.ts'
import { findTool, runTool } from '../rig/tool.ts'

const kcat = findTool('kcat', 'kcat')
const lines = 100_000

/** Lines of different lengths that compress neither perfectly nor not at all. */
function input(): Buffer {
  let state = 12345
  const text: string[] = []
  for (let i = 0; i < lines; i++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff
    text.push(`${i} ${'abcdefgh'.slice(0, state % 8)} ${state.toString(36)} ${'·'.repeat(state % 5)}`)
  }
  return Buffer.from(`${text.join('\n')}\n`)
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe.runIf(kcat !== null)('kcat', () => {
  let broker: BrokerProcess
  beforeAll(async () => {
    broker = await BrokerProcess.start({ flush: 'os' })
  })
  afterAll(async () => {
    await broker[Symbol.asyncDispose]()
  })

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'produces and consumes 100,000 lines with %s unchanged',
    async (codec) => {
      const topic = `kcat-${codec}`
      const bytes = input()
      const produced = await runTool(
        kcat!,
        ['-b', broker.bootstrap, '-P', '-t', topic, '-p', '0', '-z', codec],
        bytes,
      )
      expect(produced.code, produced.stderr).toBe(0)
      const consumed = await runTool(kcat!, [
        '-b',
        broker.bootstrap,
        '-C',
        '-t',
        topic,
        '-p',
        '0',
        '-e',
        '-q',
        '-o',
        'beginning',
      ])
      expect(consumed.code, consumed.stderr).toBe(0)
      expect(consumed.stdout.length).toBe(bytes.length)
      expect(digest(consumed.stdout)).toBe(digest(bytes))
    },
  )

  it('keeps keys, headers and null values', async () => {
    const flags = ['-b', broker.bootstrap, '-t', 'kcat-parts', '-p', '0']
    const produced = await runTool(
      kcat!,
      [...flags, '-P', '-K', ':', '-Z', '-H', 'trace=42'],
      Buffer.from('a:one\nb:\n'),
    )
    expect(produced.code, produced.stderr).toBe(0)
    const consumed = await runTool(kcat!, [...flags, '-C', '-e', '-q', '-f', '%o %k=%s(%S) %h\\n'])
    expect(consumed.stdout.toString()).toBe('0 a=one(3) trace=42\n1 b=(-1) trace=42\n')
  })

  it('starts where a timestamp says', async () => {
    const flags = ['-b', broker.bootstrap, '-t', 'kcat-time', '-p', '0']
    await runTool(kcat!, [...flags, '-P'], Buffer.from('early\n'))
    const between = Date.now() + 1
    while (Date.now() <= between) await new Promise(setImmediate)
    await runTool(kcat!, [...flags, '-P'], Buffer.from('late\n'))
    const consumed = await runTool(kcat!, [...flags, '-C', '-e', '-q', '-o', `s@${between}`])
    expect(consumed.stdout.toString()).toBe('late\n')
  })
})
