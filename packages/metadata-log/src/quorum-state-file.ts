/**
 * The durable vote: epoch, leader and vote of this replica, in Kafka's file `quorum-state` beside the log, with a checksum
 * in a field of its own, which Kafka passes over.
 *
 * Owns: the file, replaced as a whole. Must not know: what a vote is for.
 * Invariants: one replacement at a time, in the order of the calls; each `done` runs when its own state, or a later
 * one, is on disk.
 */
import { crc32c, type Disk, NO_NODE, nodeId, parseUuid, ZERO_UUID } from '@millrace/base'
import type { QuorumState } from '@millrace/raft'
import { DamagedFileError, type DiskDone, readFile, replaceFile } from '@millrace/storage'

const FILE_NAME = 'quorum-state'
/** Of the file's layout: 1 has directory ids (KIP-853). */
const DATA_VERSION = 1

export class QuorumStateFile {
  readonly #disk: Disk
  readonly #directory: string
  #running = false
  #waiting: { readonly state: QuorumState; readonly done: DiskDone }[] = []

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** Null when there is none. @throws DamagedFileError: a vote may be lost; DiskError */
  read(): QuorumState | null {
    const path = `${this.#directory}/${FILE_NAME}`
    const bytes = readFile(this.#disk, path)
    if (bytes === null) return null
    const state = parseQuorumState(bytes)
    if (state !== null) return state
    const advice =
      'Without it this node might vote twice: restore it, or give the node an empty data folder and add it anew.'
    throw new DamagedFileError(path, advice)
  }

  /** @param done runs later, when the state is durable, or can't be */
  write(state: QuorumState, done: DiskDone): void {
    this.#waiting.push({ state, done })
    if (!this.#running) this.#replace()
  }

  /** What waits is served by one replacement with the latest state: who votes after a later one has not voted before. */
  #replace(): void {
    this.#running = true
    const served = this.#waiting
    this.#waiting = []
    const content = formatQuorumState(served.at(-1)!.state)
    replaceFile(this.#disk, this.#directory, FILE_NAME, content, (error) => {
      this.#running = false
      for (const { done } of served) done(error)
      if (this.#waiting.length > 0 && !this.#running) this.#replace()
    })
  }
}

function formatQuorumState({ epoch, leaderId, voted }: QuorumState): Buffer {
  const fields = {
    leaderId,
    leaderEpoch: epoch,
    votedId: voted?.id ?? NO_NODE,
    votedDirectoryId: voted?.directoryId ?? ZERO_UUID,
    data_version: DATA_VERSION,
  }
  return Buffer.from(JSON.stringify({ ...fields, crc32c: checksumOf(fields) }))
}

function checksumOf(fields: object): number {
  return crc32c(Buffer.from(JSON.stringify(fields)))
}

/** @returns null for anything that is not such a state */
function parseQuorumState(bytes: Buffer): QuorumState | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString('utf8'))
  } catch {
    // Not JSON: damaged, as the caller says with the file's name.
    return null
  }
  if (typeof parsed !== 'object' || parsed === null) return null
  const { crc32c: checksum, ...fields } = parsed as Readonly<Record<string, unknown>>
  // Kafka writes none.
  if (checksum !== undefined && checksum !== checksumOf(fields)) return null
  const epoch = numberOf(fields['leaderEpoch'])
  const leaderId = numberOf(fields['leaderId'])
  const votedId = numberOf(fields['votedId'])
  const votedDirectory = fields['votedDirectoryId'] ?? ZERO_UUID
  if (epoch === null || leaderId === null || votedId === null || typeof votedDirectory !== 'string')
    return null
  const directoryId = parseUuid(votedDirectory)
  if (directoryId === null) return null
  const voted = votedId < 0 ? null : { id: nodeId(votedId), directoryId }
  return { epoch, leaderId: nodeId(leaderId), voted }
}

function numberOf(value: unknown): number | null {
  const isInt32 = Number.isInteger(value) && (value as number) >= -1 && (value as number) <= 0x7fffffff
  return isInt32 ? (value as number) : null
}
