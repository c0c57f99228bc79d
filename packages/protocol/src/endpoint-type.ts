/** Whose addresses DescribeCluster asks for (KIP-919). */
export const EndpointType = { BROKERS: 1, CONTROLLERS: 2 } as const
