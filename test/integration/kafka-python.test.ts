/** kafka-python 2.0.2 of Debian: infers the broker's version, then sends fixed old request versions. */
import { describe, expect, it } from 'vitest'
import { BrokerProcess } from '../rig/broker-process.ts'
import { findKafkaPython, runTool } from '../rig/tool.ts'

const python = findKafkaPython()

describe.runIf(python !== null)('kafka-python', () => {
  it('produces with acks 0, 1 and all, and reads back by offset and by time', async () => {
    await using broker = await BrokerProcess.start()
    const script = new URL('./kafka-python.py', import.meta.url).pathname
    const { code, stdout, stderr } = await runTool(python!, [script, broker.bootstrap, 'python'])
    expect(code, `${stderr}\n${broker.output}`).toBe(0)
    expect(JSON.parse(stdout.toString())).toEqual({
      'last offset acks=1': 999,
      'last offset acks=all': 1499,
      count: 1500,
      'offsets in order': true,
      values: ['0-0', '0-250', '1-0', '1-250', 'all-0', 'all-250'],
      'from offset 1200': [1200, 'k200', 'all-200'],
      'offset by time': 1500,
      'end offset': 1501,
    })
  })
})
