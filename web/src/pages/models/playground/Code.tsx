import { useTranslation } from "react-i18next";

import { CodeBlock, Panel } from "@/components";
import { Tabs } from "@/components/Tabs";

import type { Snippets } from "./snippets";

/** The same request for a shell and for a program, to be copied. */
export function Code({ snippets }: { snippets: Snippets }) {
  const { t } = useTranslation("models");
  return (
    <Panel title={t("try.code")}>
      <Tabs
        label={t("try.code")}
        tabs={[
          { value: "curl", label: "curl", content: <Block name="curl" text={snippets.curl} /> },
          { value: "python", label: "Python (openai)", content: <Block name="Python" text={snippets.python} /> },
        ]}
      />
      <p className="mt-2 text-sm text-muted">{t("try.codeHint")}</p>
    </Panel>
  );
}

function Block({ name, text }: { name: string; text: string }) {
  const { t } = useTranslation("models");
  return <CodeBlock name={name} text={text} copy={t("try.copy", { name })} />;
}
