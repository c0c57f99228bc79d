import { NO_NODE, nodeId } from '@millrace/base'
import { describe, expect, it } from 'vitest'
import { LostLeaders } from '../../src/shard/lost-leaders.ts'
import { LocalMetadata, NODE } from '../support/local-metadata.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const LEADER = nodeId(2)

function rig() {
  const metadata = new LocalMetadata()
  metadata.register(NODE)
  metadata.register(LEADER)
  const time = new VirtualTime()
  const own = { connected: NO_NODE, lostAtMs: null as number | null }
  const links = { isConnected: (id: number) => id === own.connected, lostAtMs: () => own.lostAtMs }
  const lost = new LostLeaders(time, links, metadata.image)
  metadata.subscribe(({ image }) => lost.onImage(image))
  return { metadata, time, own, lost }
}

describe('a leader counts as lost', () => {
  it('on every shard of a broker, once one of them has said so, and not after it has taken that back', () => {
    const { lost, time } = rig()
    lost.onTold(LEADER, true)
    time.advance(30)
    expect(lost.lostForMs(LEADER)).toBe(30)
    expect(lost.lostForMs(NODE)).toBe(null)
    lost.onTold(LEADER, false)
    expect(lost.lostForMs(LEADER)).toBe(null)
  })

  it('not where a shard has a connection to it: one of its shards is gone, not the process', () => {
    const { lost, own } = rig()
    lost.onTold(LEADER, true)
    own.connected = LEADER
    expect(lost.lostForMs(LEADER)).toBe(null)
  })

  it('for two seconds', () => {
    const { lost, own, time } = rig()
    own.lostAtMs = time.monoMs()
    lost.onTold(LEADER, true)
    time.advance(1999)
    expect(lost.lostForMs(LEADER)).toBe(1999)
    time.advance(1)
    expect(lost.lostForMs(LEADER)).toBe(null)
  })

  it('until another process of it has registered', () => {
    const { lost, metadata } = rig()
    lost.onTold(LEADER, true)
    metadata.createTopic('other')
    expect(lost.lostForMs(LEADER)).toBe(0)
    metadata.register(LEADER)
    expect(lost.lostForMs(LEADER)).toBe(null)
  })
})
