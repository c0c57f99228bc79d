/**
 * Answers to "what may I do?" while there are no access rules: everything. Bit n stands for the operation with
 * Kafka's number n.
 */
const CREATE = 1 << 5
const ALTER = 1 << 7
const DESCRIBE = 1 << 8
const DESCRIBE_CONFIGS = 1 << 10
const ALTER_CONFIGS = 1 << 11

/** Read, write, delete, and what holds for clusters, too. */
export const ALL_TOPIC_OPERATIONS =
  (1 << 3) | (1 << 4) | (1 << 6) | CREATE | ALTER | DESCRIBE | DESCRIBE_CONFIGS | ALTER_CONFIGS

/** Cluster actions, idempotent writes, and what holds for topics, too. */
export const ALL_CLUSTER_OPERATIONS =
  (1 << 9) | (1 << 12) | CREATE | ALTER | DESCRIBE | DESCRIBE_CONFIGS | ALTER_CONFIGS
