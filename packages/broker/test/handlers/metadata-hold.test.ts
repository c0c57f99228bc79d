import { NO_NODE, nodeId } from '@millrace/base'
import type { RequestContext } from '@millrace/net'
import { ErrorCode, LateAnswer } from '@millrace/protocol'
import type { RequestOf, ResponseInputOf } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../src/deadlines.ts'
import { metadataHandler } from '../../src/handlers/metadata.ts'
import { ClusterView } from '../../src/shard/cluster-view.ts'
import { MetadataWaits } from '../../src/shard/metadata-waits.ts'
import { TopicTable } from '../../src/topics/topic-table.ts'
import { testConfig } from '../support/config.ts'
import { LocalMetadata, NODE, partitionRecord } from '../support/local-metadata.ts'
import { TestConnection } from '../support/shard-fixture.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const SELF = nodeId(2)
const NEXT = nodeId(3)

/** A broker of which clients ask who leads `t`, which another one leads. */
class HoldRig {
  readonly time = new VirtualTime()
  readonly metadata = new LocalMetadata()
  readonly cluster: ClusterView
  readonly waits = new MetadataWaits(new Deadlines(this.time, this.time))
  readonly #handle: ReturnType<typeof metadataHandler>
  lostAtMs: number | null = null

  constructor() {
    for (const id of [NODE, SELF, NEXT]) this.metadata.register(id)
    this.metadata.createTopic('t')
    const config = testConfig('/nowhere', { nodeId: SELF, autoCreateTopics: false })
    this.cluster = new ClusterView(config)
    this.cluster.image = this.metadata.image
    this.cluster.lostForMs = (id) =>
      id === NODE && this.lostAtMs !== null ? this.time.monoMs() - this.lostAtMs : null
    this.metadata.subscribe(({ image }) => {
      this.cluster.image = image
      this.waits.onChange()
    })
    this.#handle = metadataHandler({
      config,
      cluster: this.cluster,
      topics: new TopicTable(0),
      topicCreation: null as never,
      metadataWaits: this.waits,
    })
  }

  lose(): void {
    this.lostAtMs = this.time.monoMs()
    this.waits.onChange()
  }

  elect(): void {
    this.metadata.commit([partitionRecord(this.metadata.image.topics.byName('t')!.id, 0, NEXT, 1)])
  }

  /** @returns whom each answer so far names, `NO_NODE` with its error */
  ask(
    connection = new TestConnection(),
    names: readonly string[] | null = ['t'],
  ): { readonly leaders: number[] } {
    const topics = names?.map((name) => ({ name })) ?? null
    const request = { topics, allowAutoTopicCreation: false } as unknown as RequestOf<'Metadata'>
    const onClosed = (callback: () => void): void => void connection.onClosed.push(callback)
    const context = { apiVersion: 4, connection, onClosed } as unknown as RequestContext
    const leaders: number[] = []
    const onAnswer = (answer: ResponseInputOf<'Metadata'>): void => {
      const { leaderId, errorCode } = answer.topics[0]!.partitions![0]!
      expect(errorCode === ErrorCode.LEADER_NOT_AVAILABLE).toBe(leaderId === NO_NODE)
      leaders.push(leaderId!)
    }
    const answer = this.#handle(request, context) as ResponseInputOf<'Metadata'>
    if (answer instanceof LateAnswer) answer.whenGiven(onAnswer)
    else onAnswer(answer)
    return { leaders }
  }
}

describe('whoever asks for a topic whose leader is most likely gone', () => {
  it('is answered with the next one as soon as it is elected', () => {
    const rig = new HoldRig()
    rig.lose()
    const asked = rig.ask()
    rig.time.advance(50)
    rig.metadata.createTopic('other')
    expect(asked.leaders).toEqual([])
    rig.elect()
    expect(asked.leaders).toEqual([NEXT])
  })

  it('is told that there is none when nobody has been elected 300 ms after the loss', () => {
    const rig = new HoldRig()
    rig.lose()
    rig.time.advance(100)
    const asked = rig.ask()
    rig.time.advance(199)
    expect(asked.leaders).toEqual([])
    rig.time.advance(1)
    expect(asked.leaders).toEqual([NO_NODE])
    expect(rig.ask().leaders).toEqual([NO_NODE])
  })

  it('is answered when the leader is there after all, and when the shard is about to stop', () => {
    const rig = new HoldRig()
    rig.lose()
    const asked = rig.ask()
    rig.lostAtMs = null
    rig.waits.onChange()
    expect(asked.leaders).toEqual([NODE])
    rig.lose()
    const last = rig.ask()
    rig.waits.hurry()
    expect([last.leaders, rig.ask().leaders]).toEqual([[NO_NODE], [NO_NODE]])
  })

  it('and goes away is not waited for', () => {
    const rig = new HoldRig()
    rig.lose()
    const connection = new TestConnection()
    const asked = rig.ask(connection)
    connection.close('the test')
    rig.elect()
    expect(asked.leaders).toEqual([])
  })
})

describe('whoever asks again by the same connection for a topic that is led elsewhere', () => {
  it('is answered some milliseconds later, so that a loss that it has seen first is seen here, too', () => {
    const rig = new HoldRig()
    const connection = new TestConnection()
    expect(rig.ask(connection).leaders).toEqual([NODE])
    const unharmed = rig.ask(connection)
    rig.time.advance(10)
    expect(unharmed.leaders).toEqual([NODE])
    const asked = rig.ask(connection)
    rig.time.advance(5)
    rig.lose()
    rig.time.advance(50)
    expect(asked.leaders).toEqual([])
    rig.elect()
    expect(asked.leaders).toEqual([NEXT])
  })

  it('is answered at once when it asks for all topics, or for one that this broker leads', () => {
    const rig = new HoldRig()
    const connection = new TestConnection()
    expect(rig.ask(connection).leaders).toEqual([NODE])
    expect(rig.ask(connection, null).leaders).toEqual([NODE])
    rig.metadata.commit([partitionRecord(rig.metadata.image.topics.byName('t')!.id, 0, SELF, 1)])
    expect(rig.ask(connection).leaders).toEqual([SELF])
  })
})
