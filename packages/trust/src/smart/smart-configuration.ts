import { fhirPath, issuerPath } from '../oidc/create-issuer.ts';
import { contextScopes } from './scopes.ts';

/** `.well-known/smart-configuration` (SMART App Launch 2.2, section "Conformance"). */
export function smartConfiguration(origin: string): Record<string, unknown> {
  const issuer = `${origin}${issuerPath}`;
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    introspection_endpoint: `${issuer}/token/introspection`,
    revocation_endpoint: `${issuer}/token/revocation`,
    grant_types_supported: ['authorization_code', 'client_credentials', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['RS384', 'ES384'],
    code_challenge_methods_supported: ['S256'],
    response_types_supported: ['code'],
    scopes_supported: [...contextScopes, 'patient/*.rs', 'user/*.rs', 'system/*.rs'],
    capabilities: [
      'launch-ehr', 'launch-standalone', 'client-public', 'client-confidential-asymmetric', 'sso-openid-connect',
      'context-banner', 'context-ehr-patient', 'context-ehr-encounter', 'context-standalone-patient', 'context-standalone-encounter',
      'permission-offline', 'permission-patient', 'permission-user', 'permission-v1', 'permission-v2',
    ],
    associated_endpoints: [{ url: `${origin}${fhirPath}`, capabilities: ['permission-v2'] }],
  };
}
