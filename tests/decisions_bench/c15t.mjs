// c15t's self-hosted backend over PostgreSQL, mounted as its documentation says.
import { c15tInstance, policyPackPresets } from '@c15t/backend';
import { kyselyAdapter } from '@c15t/backend/db/adapters/kysely';
import { migrator } from '@c15t/backend/db/migrator';
import { DB } from '@c15t/backend/db/schema';
import { serve } from '@hono/node-server';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

// The server's address is in PGHOST, PGUSER and PGDATABASE.
const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ max: 10 }) }) });
const adapter = kyselyAdapter({ db, provider: 'postgresql' });
const steps = await migrator({ db: DB.client(adapter), schema: 'latest' });
if (steps.execute) await steps.execute();

const instance = c15tInstance({
  appName: 'bench',
  trustedOrigins: ['https://shop.example'],
  adapter,
  logger: { level: 'error' },
  apiKeys: ['bench'],
  policyPacks: [
    policyPackPresets.europeOptIn(),
    policyPackPresets.californiaOptOut(),
    policyPackPresets.worldNoBanner(),
  ],
});
serve({ fetch: instance.handler, port: Number(process.env.PORT), hostname: '127.0.0.1' });
