import { expect, test } from 'vitest'
import { Admin } from '../../client/src/index.ts'
import { Consumer } from '../../consumer-client/src/index.ts'
import { Producer } from '../../producer-client/src/index.ts'
import { startCluster } from '../src/cluster.ts'

const TOPIC = 'ledger'
const RECORDS_BEFORE_AND_AFTER = 200

test(
  'every record that was acknowledged by three replicas is there, in order and once, when their leader has gone and come back',
  { timeout: 60_000 },
  async () => {
    await using cluster = await startCluster({ settings: { 'flush.policy': 'commit' } })
    await using admin = new Admin({ bootstrap: cluster.bootstrap })
    const configs = { 'min.insync.replicas': '2' }
    await admin.createTopics([{ name: TOPIC, partitions: 1, replicationFactor: 3, configs }])
    const partition = async () => (await admin.describeTopics([TOPIC]))[0]!.partitions[0]!
    const { leader } = await partition()

    await using producer = new Producer({ bootstrap: cluster.bootstrap })
    const values = Array.from({ length: 3 * RECORDS_BEFORE_AND_AFTER }, (_, index) => `record ${index}`)
    const send = (from: number, end: number) =>
      values.slice(from, end).map((value) => producer.send(TOPIC, { value }))
    await Promise.all(send(0, RECORDS_BEFORE_AND_AFTER))
    // These are on their way while the leader goes.
    const underWay = send(RECORDS_BEFORE_AND_AFTER, 2 * RECORDS_BEFORE_AND_AFTER)
    await cluster.stop(leader)
    await Promise.all(underWay)
    await Promise.all(send(2 * RECORDS_BEFORE_AND_AFTER, 3 * RECORDS_BEFORE_AND_AFTER))
    expect((await partition()).leader).not.toBe(leader)

    await cluster.restart(leader)
    while ((await partition()).isr.length < 3) {
      // Each answer takes a round trip; that the replica has caught up is told by nothing else.
    }
    // From the one that had gone: it has what it missed.
    await admin.electLeaders('preferred', [{ topic: TOPIC, partition: 0 }])
    expect((await partition()).leader).toBe(leader)
    await using consumer = new Consumer({ bootstrap: cluster.bootstrap })
    const read: string[] = []
    for await (const { value } of consumer.read(TOPIC, { from: 'beginning', until: 'end' })) {
      read.push(String(value))
    }
    expect(read).toEqual(values)
  },
)
