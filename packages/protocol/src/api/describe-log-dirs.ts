/**
 * DescribeLogDirs: what a broker has on its disks: the size of each replica, and how far it lags behind (KIP-113,
 * KIP-827).
 */
import { defineApi, type RequestBody, type ResponseBody } from '../schema/define-api.ts'
import { array, bool, int16, int32, int64, nodeId, string, struct } from '../schema/field.ts'

export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  listeners: ['broker'],
  versions: '0-4',
  flexible: '2+',
  served: '1-4',
  request: {
    /** Null: all. */
    topics: array(struct({ topic: string(), partitions: array(int32()) }), { nullable: '0+' }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ versions: '3+', default: 0, ignorable: true }),
    /** By log directory. */
    results: array(
      struct({
        errorCode: int16({ default: 0 }),
        /** Absolute path on the broker. */
        logDir: string(),
        topics: array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                /** Bytes of its segments. */
                partitionSize: int64(),
                /** Records between the end of this replica and the high watermark, or −1 when not known. */
                offsetLag: int64(),
                /** Whether it is moved to this directory from another of the same broker. */
                isFutureKey: bool({ default: false }),
                /** Of a partition that is led here. Not part of Kafka's schema. */
                followers: array(
                  struct({
                    replicaId: nodeId(),
                    /** Records that the leader has and it has not; −1: it has not fetched in this leader epoch. */
                    offsetLag: int64(),
                  }),
                  { default: [], nativeOnly: true },
                ),
              }),
            ),
          }),
        ),
        /** Of the volume; −1: not known. */
        totalBytes: int64({ versions: '4+', default: -1, ignorable: true }),
        usableBytes: int64({ versions: '4+', default: -1, ignorable: true }),
      }),
    ),
  },
})

export type DescribeLogDirsRequest = RequestBody<typeof describeLogDirs>
export type DescribeLogDirsResponse = ResponseBody<typeof describeLogDirs>
