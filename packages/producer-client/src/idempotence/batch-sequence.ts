/** What makes a batch recognizable to a leader that has stored it before (KIP-98). */
export interface BatchSequence {
  readonly producerId: number
  readonly producerEpoch: number
  /** Of the batch's first record. */
  readonly baseSequence: number
}
