import { describe, expect, it } from 'vitest'
import type { Uuid } from '@millrace/base'
import { ZERO_UUID } from '@millrace/base'
import { ErrorCode } from '@millrace/protocol'
import { ledPartition, TopicTable } from '../../src/topics/topic-table.ts'
import type { TopicEntry } from '../../src/topics/topic-table.ts'

const ID = 'AAAAAAAAAAAAAAAAAAAAAg' as Uuid
const YOUNGER_ID = 'AAAAAAAAAAAAAAAAAAAAAw' as Uuid

const entry = (id: Uuid): TopicEntry => ({
  name: 'flights',
  id,
  slots: [{ shard: 2 }, { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }],
})

describe('TopicTable', () => {
  it('finds a topic by its id where a request has one, else by name', () => {
    const table = new TopicTable(0)
    const topic = entry(ID)
    table.add(topic)
    expect(table.find('flights', ZERO_UUID)).toBe(topic)
    expect(table.find('', ID)).toBe(topic)
    expect(table.find('flights', YOUNGER_ID)).toBeUndefined()
  })

  it('keeps a younger topic under its name when the older one of that name goes', () => {
    const table = new TopicTable(0)
    const older = entry(ID)
    const younger = entry(YOUNGER_ID)
    table.add(older)
    table.add(younger)
    table.remove(older)
    expect(table.byName('flights')).toBe(younger)
    expect(table.byId(ID)).toBeUndefined()
  })

  it('tells the shard of a partition, and −1 where no shard of this broker leads it', () => {
    const table = new TopicTable(0)
    expect([0, 1, 2].map((index) => table.shardOf(entry(ID), index))).toEqual([2, -1, -1])
  })

  it('says why a partition can not be served here', () => {
    expect(ledPartition(undefined, 0)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect([0, 1, 2, -1].map((index) => ledPartition(entry(ID), index))).toEqual([
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.KAFKA_STORAGE_ERROR,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ])
  })
})
