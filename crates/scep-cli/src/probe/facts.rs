use scep_client::Observed;
use scep_proto::http::{X509_CA_CERT, X509_CA_RA_CERT};
use scep_proto::{CaCertificates, Capabilities};
use scep_types::{BasicConstraints, Certificate, KeyKind, KeyUsage, oid};

use crate::answer::AnswerKind;

/// What was seen of a server. Where something could not be seen, a question about it is answered by `None`.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(super) url: String,
    pub(super) caps: Option<Observed>,
    pub(super) ca: Option<Observed>,
    /// The certificates of GetCACert as they came.
    pub(super) found: Vec<Certificate>,
    /// The same by what they are for, if requests can be encrypted to one of them; believed by nobody.
    pub(super) certificates: Option<CaCertificates>,
    /// Certificates whose signature verifies with another one, or their own.
    pub(super) chained: Vec<Certificate>,
    pub(super) http: HttpFacts,
}

/// How the server treats requests that differ in form only.
#[derive(Debug, Default)]
pub(crate) struct HttpFacts {
    /// A CertPoll for a transaction nobody knows, by POST.
    pub(super) post: Option<AnswerKind>,
    /// The same by GET, for each way to write base64 in a query.
    pub(super) get: Vec<(GetForm, AnswerKind)>,
    /// GetCACaps with 65,000 octets of target.
    pub(super) long_target: Option<u16>,
    /// GetCACaps with `/pkiclient.exe` after the path.
    pub(super) pkiclient: Option<u16>,
    /// GetCACert with `message=` something.
    pub(super) named_ca: Option<u16>,
    /// An operation that is none.
    pub(super) unknown_operation: Option<u16>,
    /// GetNextCACert.
    pub(super) next_ca: Option<u16>,
}

/// A way to write base64 in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GetForm {
    /// As RFC 8894 §4.1 wants it.
    Escaped,
    /// `+` and `/` as they are: Apple, jscep.
    Raw,
    /// The other alphabet: micromdm's client.
    Url,
    /// A line end every 64 characters: Cisco IOS, sscep.
    Lines,
}

impl GetForm {
    pub(super) const ALL: [Self; 4] = [Self::Escaped, Self::Raw, Self::Url, Self::Lines];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Escaped => "escaped",
            Self::Raw => "raw + and /",
            Self::Url => "base64url",
            Self::Lines => "lines of 64",
        }
    }
}

impl Facts {
    pub(super) fn capabilities(&self) -> Capabilities {
        self.caps.as_ref().map(|caps| caps.answer.capabilities()).unwrap_or_default()
    }

    /// Lines of GetCACaps as they came.
    pub(super) fn caps_lines(&self) -> Vec<String> {
        let Some(caps) = self.caps.as_ref().filter(|caps| caps.answer.is_success()) else {
            return Vec::new();
        };
        let text = String::from_utf8_lossy(&caps.answer.body);
        let lines = text.split('\n').take(64).map(|line| line.chars().take(80).collect());
        let mut lines: Vec<String> = lines.collect();
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    pub(super) fn announces(&self, capability: Capabilities) -> bool {
        self.capabilities().contains(capability)
    }

    /// Whether every line is a keyword in the case of RFC 8894, without blanks or carriage returns.
    pub(super) fn caps_are_clean(&self) -> Option<bool> {
        self.caps.as_ref()?;
        let known = |line: &String| {
            Capabilities::parse(line).keywords().any(|keyword| keyword == line.as_str())
        };
        let vendor = |line: &String| {
            line.trim() == line && Capabilities::parse(line) == Capabilities::empty()
        };
        let lines = self.caps_lines();
        Some(!lines.is_empty() && lines.iter().all(|line| known(line) || vendor(line)))
    }

    /// Whether the media types are the bare ones that some devices compare octet by octet.
    pub(super) fn media_types_are_bare(&self) -> Option<bool> {
        let ca = self.ca.as_ref()?;
        let several = self.all().len() > 1;
        let expected = if several { X509_CA_RA_CERT } else { X509_CA_CERT };
        Some(ca.header("content-type") == Some(expected))
    }

    pub(super) fn caps_type_is_bare(&self) -> Option<bool> {
        Some(self.caps.as_ref()?.header("content-type") == Some("text/plain"))
    }

    pub(super) fn all(&self) -> &[Certificate] {
        &self.found
    }

    /// Whose key requests are encrypted to.
    pub(super) fn recipient(&self) -> Option<&Certificate> {
        self.certificates.as_ref().map(CaCertificates::encryption)
    }

    pub(super) fn issuing_ca(&self) -> Option<&Certificate> {
        let is_ca = |c: &&Certificate| c.basic_constraints() == BasicConstraints::Ca;
        let sorted = self.certificates.as_ref().map(CaCertificates::issuer);
        sorted.or_else(|| self.found.iter().find(is_ca)).or(self.found.first())
    }

    /// The top of the chain in the answer: self-issued if the root is there.
    pub(super) fn top_ca(&self) -> Option<&Certificate> {
        let mut top = self.issuing_ca()?;
        for _ in self.all() {
            let above = self.all().iter().find(|c| c.subject() == top.issuer() && *c != top);
            match above {
                Some(above) if !top.is_self_issued() => top = above,
                _ => break,
            }
        }
        Some(top)
    }

    pub(super) fn has_root(&self) -> Option<bool> {
        Some(self.top_ca()?.is_self_issued())
    }

    pub(super) fn recipient_is_rsa(&self) -> Option<bool> {
        match self.recipient() {
            Some(recipient) => Some(recipient.key_kind().is_ok_and(KeyKind::can_encrypt)),
            None if self.found.is_empty() => None,
            None => Some(false),
        }
    }

    /// Whether requests can be encrypted to a certificate that also signs the answers.
    pub(super) fn recipient_signs_and_deciphers(&self) -> Option<bool> {
        let both = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);
        Some(self.recipient()?.key_usage().is_some_and(|usage| usage.contains(both)))
    }

    /// Whether an RA beside the CA, if there is one, has an EKU that Windows takes.
    pub(super) fn ra_has_windows_eku(&self) -> Option<bool> {
        let recipient = self.recipient()?;
        if recipient.basic_constraints() == BasicConstraints::Ca {
            return Some(true);
        }
        let wanted = [oid::SERVER_AUTH, oid::MS_CERTIFICATE_REQUEST_AGENT];
        let usages = recipient.extended_key_usages().unwrap_or_default();
        Some(usages.iter().any(|usage| wanted.contains(usage)))
    }

    /// Whether there is one bare certificate, or else an RA below the CA with both key usages.
    pub(super) fn suits_apple(&self) -> Option<bool> {
        let both = KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT);
        let below = |c: &&Certificate| !c.is_self_issued();
        let usages = |c: &Certificate| c.key_usage().unwrap_or(KeyUsage::empty());
        let together =
            self.all().iter().filter(below).map(usages).fold(KeyUsage::empty(), KeyUsage::union);
        match self.all().len() {
            0 => None,
            1 => Some(true),
            _ => Some(together.contains(both)),
        }
    }

    /// Whether every certificate is signed by one in the answer, and the RA directly by the issuing CA.
    pub(super) fn ra_is_below_ca(&self) -> Option<bool> {
        let (recipient, ca) = (self.recipient()?, self.issuing_ca()?);
        Some(
            recipient == ca
                || (recipient.issuer() == ca.subject() && self.chained.contains(recipient)),
        )
    }

    pub(super) fn is_https(&self) -> Option<bool> {
        Some(self.url.starts_with("https://"))
    }

    /// Whether a GET in this form is answered as the POST is; nobody can tell if the POST was not understood.
    pub(super) fn reads(&self, form: GetForm) -> Option<bool> {
        let post = self.http.post.as_ref().filter(|answer| answer.is_cert_rep());
        let (_, answer) = self.http.get.iter().find(|(found, _)| *found == form)?;
        match post {
            Some(post) => Some(post == answer),
            None if answer.is_cert_rep() => Some(true),
            None => None,
        }
    }

    pub(super) fn takes_long_targets(&self) -> Option<bool> {
        self.http.long_target.map(|status| status == 200)
    }

    pub(super) fn serves_pkiclient(&self) -> Option<bool> {
        self.http.pkiclient.map(|status| status == 200)
    }

    pub(super) fn takes_any_ca_name(&self) -> Option<bool> {
        self.http.named_ca.map(|status| status == 200)
    }
}
