//! How extensions are written, and which are never copied from a CSR.

use scep_types::asn1::{DerWriter, Tag};
use scep_types::oid::{self, Oid};

/// Whether who does not know an extension must refuse the certificate (RFC 5280 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Criticality {
    Critical,
    NonCritical,
}

/// Writes `Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }`.
pub(crate) fn write(
    der: &mut DerWriter,
    oid: &Oid,
    criticality: Criticality,
    value: impl FnOnce(&mut DerWriter),
) {
    der.sequence(|der| {
        der.oid(oid);
        if criticality == Criticality::Critical {
            der.boolean_true();
        }
        der.octet_string_of(value);
    });
}

/// `AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] IMPLICIT OCTET STRING }` (RFC 5280 §4.2.1.1).
pub(crate) fn authority_key_identifier(identifier: &[u8]) -> Vec<u8> {
    DerWriter::encode(|der| der.sequence(|der| der.primitive(Tag::context(0), identifier)))
}

/// `AuthorityInfoAccessSyntax ::= SEQUENCE OF SEQUENCE { accessMethod, accessLocation GeneralName }` (RFC 5280 §4.2.2.1).
pub(crate) fn authority_info_access(ocsp: &[String], ca_issuers: &[String]) -> Vec<u8> {
    let ocsp = ocsp.iter().map(|url| (oid::AD_OCSP, url));
    let ca_issuers = ca_issuers.iter().map(|url| (oid::AD_CA_ISSUERS, url));
    DerWriter::encode(|der| {
        der.sequence(|der| {
            for (method, url) in ocsp.chain(ca_issuers) {
                der.sequence(|der| {
                    der.oid(&method);
                    uri(der, url);
                });
            }
        });
    })
}

/// One DistributionPoint whose fullName has all URLs (RFC 5280 §4.2.1.13).
///
/// ```text
/// SEQUENCE OF SEQUENCE { distributionPoint [0] { fullName [0] IMPLICIT GeneralNames } }
/// ```
pub(crate) fn crl_distribution_points(urls: &[String]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            der.sequence(|der| {
                der.constructed(Tag::context(0), |der| {
                    der.constructed(Tag::context(0), |der| {
                        urls.iter().for_each(|url| uri(der, url));
                    });
                });
            });
        });
    })
}

/// `CertificatePolicies ::= SEQUENCE OF SEQUENCE { policyIdentifier }` (RFC 5280 §4.2.1.4).
pub(crate) fn certificate_policies(policies: &[Oid]) -> Vec<u8> {
    DerWriter::encode(|der| {
        der.sequence(|der| {
            policies.iter().for_each(|policy| der.sequence(|der| der.oid(policy)));
        });
    })
}

/// `uniformResourceIdentifier [6] IMPLICIT IA5String`.
fn uri(der: &mut DerWriter, url: &str) {
    der.primitive(Tag::context(6), url.as_bytes());
}

/// Whether no profile may copy it from a CSR.
///
/// The standard's own extensions are the profile's to decide: basicConstraints, keyUsage, key identifiers, distribution
/// points, policies, constraints. The others here give power, or say what only a CA can know.
pub(crate) fn is_forbidden(oid: &Oid) -> bool {
    oid.content().starts_with(ID_CE) || FORBIDDEN.contains(oid)
}

/// Arc 2.5.29, id-ce.
const ID_CE: &[u8] = &[0x55, 0x1D];

const FORBIDDEN: [Oid; 12] = [
    oid::AUTHORITY_INFO_ACCESS,
    oid::MS_NTDS_CA_SECURITY_EXT,
    Oid::new("1.3.6.1.5.5.7.1.11"),      // subjectInfoAccess
    Oid::new("1.3.6.1.5.5.7.1.14"),      // proxyCertInfo (RFC 3820): lets the holder issue
    Oid::new("1.3.6.1.5.5.7.48.1.5"),    // id-pkix-ocsp-nocheck: revocation switched off
    Oid::new("1.3.6.1.4.1.11129.2.4.2"), // signed certificate timestamps
    Oid::new("1.3.6.1.4.1.11129.2.4.3"), // precertificate poison
    Oid::new("1.3.6.1.4.1.311.21.1"),    // Microsoft's CA version
    Oid::new("1.3.6.1.4.1.311.21.10"), // Microsoft's application policies: extended key usages by another name
    Oid::new("1.3.6.1.4.1.311.21.11"), // Microsoft's application policy mappings
    Oid::new("1.3.6.1.4.1.311.21.12"), // Microsoft's application policy constraints
    Oid::new("2.16.840.1.113730.1.1"), // Netscape's certificate type, which can say CA
];
