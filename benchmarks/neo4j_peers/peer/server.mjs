// @neo4j/graphql on Apollo Server over the natural layout. NEO4J_URL and PORT from the environment; prints when it listens.
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { Neo4jGraphQL } from "@neo4j/graphql";
import { parse } from "graphql";
import neo4j from "neo4j-driver";

const typeDefs = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key"])

  type Query {
    nearest(x: Float!, y: Float!, r: Float!): [Enterprise!]! @cypher(
      statement: "WITH point({longitude: $x, latitude: $y}) AS here MATCH (e:HandEnterprise) WHERE point.distance(e.location, here) <= $r WITH e, point.distance(e.location, here) AS d ORDER BY d, e.id LIMIT 100 RETURN e"
      columnName: "e"
    )
  }

  type Site @node(labels: ["HandSite"]) {
    id: ID!
    name: String
    enterprises: [Enterprise!]! @relationship(type: "HAND_OPERATES_AT", direction: IN)
  }

  type Product @node(labels: ["HandProduct"]) {
    id: ID!
    name: String
  }

  type Supply @relationshipProperties {
    volume: Float
  }

  type Enterprise @node(labels: ["HandEnterprise"]) @key(fields: "id") {
    id: ID!
    name: String
    status: String
    industry: String
    founded: String
    registeredCapital: Float
    employees: Int
    location: Point
    sites: [Site!]! @relationship(type: "HAND_OPERATES_AT", direction: OUT)
    suppliers: [Enterprise!]! @relationship(type: "HAND_SUPPLIES_TO", direction: IN, properties: "Supply")
    products: [Product!]! @relationship(type: "HAND_PRODUCES", direction: OUT)
    upstream: [Enterprise!]! @cypher(
      statement: "MATCH (this)<-[:HAND_SUPPLIES_TO*1..6]-(f:HandEnterprise) WITH DISTINCT f ORDER BY f.id RETURN f"
      columnName: "f"
    )
  }
`;

const driver = neo4j.driver(process.env.NEO4J_URL, undefined, { disableLosslessIntegers: true });
const neoSchema = new Neo4jGraphQL({ typeDefs: parse(typeDefs), driver });
const server = new ApolloServer({ schema: await neoSchema.getSubgraphSchema(), introspection: false });
const { url } = await startStandaloneServer(server, {
  listen: { host: "127.0.0.1", port: Number(process.env.PORT) },
  context: async () => ({ sessionConfig: { database: "neo4j" } }),
});
console.log(`listens at ${url}`);
