/**
 * Where Millrace answers otherwise than Apache Kafka, on purpose. Key: the scenario's name. `millrace` is what we answer
 * there; anything else is a failure as much as an unlisted difference is.
 */
export interface AcceptedDifference {
  readonly reason: string
  readonly millrace: unknown
}

/** Numbers of DescribeConfigs. */
const DYNAMIC_BROKER = 2
const DYNAMIC_DEFAULT_BROKER = 3
const LONG = 5

export const acceptedDifferences: ReadonlyMap<string, AcceptedDifference> = new Map<
  string,
  AcceptedDifference
>([
  [
    'configs: bad alterations are refused',
    {
      reason:
        'an alteration with an unknown operation is a mistake of the client, not an unknown error of the server',
      millrace: {
        unknown: 'INVALID_CONFIG',
        type: 'INVALID_CONFIG',
        bounds: 'INVALID_CONFIG',
        nothing: 'INVALID_REQUEST',
        appendToNumber: 'INVALID_CONFIG',
        operation: 'INVALID_REQUEST',
        twice: 'INVALID_REQUEST',
        topic: 'UNKNOWN_TOPIC_OR_PARTITION',
      },
    },
  ],
  [
    'configs: rates of throttled replication are set for a broker and for all',
    {
      reason:
        'a bad value of a broker is an invalid configuration, as that of a topic is, not an invalid request',
      millrace: [DYNAMIC_BROKER, DYNAMIC_DEFAULT_BROKER].flatMap((source) => [
        'NONE',
        ['1000000', source, LONG],
        'NONE',
        ['0', source, LONG],
        { negative: 'INVALID_CONFIG', word: 'INVALID_CONFIG' },
        'NONE',
      ]),
    },
  ],
])

const LAST_IN_SYNC =
  'the last member of the ISR stays in it when its broker is gone: it alone may lead again, as with Kafka, which moves it to the eligible replicas (KIP-966)'
const NO_FOLLOWER_FETCH =
  'consumers are not served by followers, which KIP-392 leaves to the configuration: they are told who leads'

/** The same for clusters of three. */
export const acceptedClusterDifferences: ReadonlyMap<string, AcceptedDifference> = new Map<
  string,
  AcceptedDifference
>([
  [
    'all live: electing: all partitions, none of which needs it',
    {
      reason: 'topics of which nothing is to be said are left out: there may be thousands',
      millrace: { error: 'NONE', hasTopics: false, partitions: [] },
    },
  ],
  [
    'all live: describing: the volume of a log directory',
    {
      reason: 'the size of the volume is not known to a shard, and −1 says so (KIP-827)',
      millrace: [{ isKnown: false }],
    },
  ],
  [
    'all live: epochs: fetches at a follower',
    {
      reason: NO_FOLLOWER_FETCH,
      millrace: {
        none: {
          error: 'NOT_LEADER_OR_FOLLOWER',
          hasRecords: false,
          preferredReadReplica: -1,
          leader: 1,
          endpoints: [1],
        },
        current: {
          error: 'NOT_LEADER_OR_FOLLOWER',
          hasRecords: false,
          preferredReadReplica: -1,
          leader: 1,
          endpoints: [1],
        },
        future: {
          error: 'UNKNOWN_LEADER_EPOCH',
          hasRecords: false,
          preferredReadReplica: -1,
          leader: -1,
          endpoints: [],
        },
      },
    },
  ],
  [
    'all live: epochs: a consumer with a rack at a follower, by version',
    {
      reason: NO_FOLLOWER_FETCH,
      millrace: {
        'version 10': 'NOT_LEADER_OR_FOLLOWER',
        'version 11': 'NOT_LEADER_OR_FOLLOWER',
        'version 12': 'NOT_LEADER_OR_FOLLOWER',
      },
    },
  ],
  [
    'all live: idempotence: a producer that nothing is known of',
    {
      reason:
        'it begins at sequence 0, as before Kafka 2.5: else the second of two batches in flight could be stored while the first was refused',
      millrace: {
        fromTheStart: { error: 'NONE', baseOffset: 0 },
        inTheMiddle: { error: 'UNKNOWN_PRODUCER_ID', baseOffset: -1 },
      },
    },
  ],
  [
    'one dead: describing: metadata of version 0',
    {
      reason:
        'version 0 cannot say who is offline: Kafka leaves the dead replicas out and calls that an error of the partition, though it is led; we name all, as in every later version',
      millrace: {
        'version 0': {
          brokers: [1, 2],
          isControllerABroker: false,
          error: 'NONE',
          partitions: [
            '0 of 1,2,3 | leader 1 | isr 1,2 | offline  | NONE',
            '1 of 2,3,1 | leader 2 | isr 1,2 | offline  | NONE',
            '2 of 3,1,2 | leader 1 | isr 1,2 | offline  | NONE',
          ],
        },
      },
    },
  ],
  [
    'one dead: describing: partitions of 1, min.insync.replicas 1',
    {
      reason: LAST_IN_SYNC,
      millrace: {
        all: {
          metadata: {
            brokers: [1, 2],
            isControllerABroker: true,
            error: 'NONE',
            partitions: [
              '0 of 1 | leader 1 | isr 1 | offline  | NONE',
              '1 of 2 | leader 2 | isr 2 | offline  | NONE',
              '2 of 3 | leader -1 | isr 3 | offline 3 | LEADER_NOT_AVAILABLE',
            ],
          },
          described: {
            topics: [
              {
                topic: 0,
                error: 'NONE',
                isInternal: false,
                partitions: [
                  '0 of 1 | leader 1 | isr 1 | offline  | NONE | eligible , last known ',
                  '1 of 2 | leader 2 | isr 2 | offline  | NONE | eligible , last known ',
                  '2 of 3 | leader -1 | isr 3 | offline 3 | NONE | eligible , last known ',
                ],
              },
            ],
            nextCursor: null,
          },
        },
      },
    },
  ],
  [
    'one dead: reassigning: a partition that nobody leads, to a broker that lives',
    {
      reason: LAST_IN_SYNC,
      millrace: {
        answer: { error: 'NONE', partitions: ['NONE'] },
        listed: [{ replicas: [1, 3], adding: [1], removing: [3] }],
        during: { replicaNodes: [1, 3], isrNodes: [3], leaderId: -1 },
      },
    },
  ],
  [
    'one dead: producing: acks of all while a follower dies, too few being left',
    {
      reason:
        'that too few replicas have the record is certain once the ISR is too small: the client need not wait for its time to be up, and an answer of which nothing is certain names no offset',
      millrace: {
        answer: {
          error: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
          baseOffset: -1,
          logStartOffset: -1,
          hasAppendTime: false,
          recordErrors: [],
        },
        afterwards: {
          latest: { error: 'NONE', offset: 0, timestamp: -1, epoch: 0 },
          fetched: {
            error: 'NONE',
            partitionError: 'NONE',
            highWatermark: 0,
            lastStableOffset: 0,
            logStartOffset: 0,
            recordBytes: 0,
          },
        },
      },
    },
  ],
  [
    'two dead: describing: partitions of 1, min.insync.replicas 1',
    {
      reason: LAST_IN_SYNC,
      millrace: {
        all: {
          metadata: {
            brokers: [1],
            isControllerABroker: true,
            error: 'NONE',
            partitions: [
              '0 of 1 | leader 1 | isr 1 | offline  | NONE',
              '1 of 2 | leader -1 | isr 2 | offline 2 | LEADER_NOT_AVAILABLE',
              '2 of 3 | leader -1 | isr 3 | offline 3 | LEADER_NOT_AVAILABLE',
            ],
          },
          described: {
            topics: [
              {
                topic: 0,
                error: 'NONE',
                isInternal: false,
                partitions: [
                  '0 of 1 | leader 1 | isr 1 | offline  | NONE | eligible , last known ',
                  '1 of 2 | leader -1 | isr 2 | offline 2 | NONE | eligible , last known ',
                  '2 of 3 | leader -1 | isr 3 | offline 3 | NONE | eligible , last known ',
                ],
              },
            ],
            nextCursor: null,
          },
        },
      },
    },
  ],
  [
    'two dead: describing: partitions of 2, min.insync.replicas 1',
    {
      reason: LAST_IN_SYNC,
      millrace: {
        all: {
          metadata: {
            brokers: [1],
            isControllerABroker: true,
            error: 'NONE',
            partitions: [
              '0 of 1,3 | leader 1 | isr 1 | offline 3 | NONE',
              '1 of 2,3 | leader -1 | isr 2 | offline 2,3 | LEADER_NOT_AVAILABLE',
              '2 of 3,2 | leader -1 | isr 2 | offline 2,3 | LEADER_NOT_AVAILABLE',
            ],
          },
          described: {
            topics: [
              {
                topic: 0,
                error: 'NONE',
                isInternal: false,
                partitions: [
                  '0 of 1,3 | leader 1 | isr 1 | offline 3 | NONE | eligible , last known ',
                  '1 of 2,3 | leader -1 | isr 2 | offline 2,3 | NONE | eligible , last known ',
                  '2 of 3,2 | leader -1 | isr 2 | offline 2,3 | NONE | eligible , last known ',
                ],
              },
            ],
            nextCursor: null,
          },
        },
      },
    },
  ],
  [
    'two dead: describing: partitions of 2, min.insync.replicas 2',
    {
      reason: LAST_IN_SYNC,
      millrace: {
        all: {
          metadata: {
            brokers: [1],
            isControllerABroker: true,
            error: 'NONE',
            partitions: [
              '0 of 1,3 | leader 1 | isr 1 | offline 3 | NONE',
              '1 of 2,3 | leader -1 | isr 2 | offline 2,3 | LEADER_NOT_AVAILABLE',
              '2 of 3,2 | leader -1 | isr 2 | offline 2,3 | LEADER_NOT_AVAILABLE',
            ],
          },
          described: {
            topics: [
              {
                topic: 0,
                error: 'NONE',
                isInternal: false,
                partitions: [
                  '0 of 1,3 | leader 1 | isr 1 | offline 3 | NONE | eligible 3, last known ',
                  '1 of 2,3 | leader -1 | isr 2 | offline 2,3 | NONE | eligible 3, last known ',
                  '2 of 3,2 | leader -1 | isr 2 | offline 2,3 | NONE | eligible 3, last known ',
                ],
              },
            ],
            nextCursor: null,
          },
        },
      },
    },
  ],
  [
    'all back: electing: the eligible replica that is back first, and the one that led last',
    {
      reason:
        'with flush.policy=commit a replica has on its disk what it acknowledged, so that it stays eligible when it was killed; with Kafka it may have lost that',
      millrace: { leader: 3 },
    },
  ],
])
