// The button "Fine-tune with Loghi" in eScriptorium's pages, old and new interface. nginx adds this script to them.
//
// It reads nothing but the address of the page, and on the models page the user's own list of documents. It never
// touches tokens, cookies or forms, and shows names as text only.
(() => {
    "use strict";

    const WORDS = {
        en: { button: "Fine-tune with Loghi", choose: "Which document holds the pages to learn from?", close: "Close",
              none: "You have no documents.", failed: "The list of your documents could not be read.", more: "Show more" },
        de: { button: "Mit Loghi anpassen", choose: "In welchem Dokument sind die Seiten, von denen gelernt wird?",
              close: "Schließen", none: "Sie haben keine Dokumente.",
              failed: "Die Liste Ihrer Dokumente konnte nicht gelesen werden.", more: "Weitere zeigen" },
        fr: { button: "Affiner avec Loghi", choose: "Quel document contient les pages à apprendre ?", close: "Fermer",
              none: "Vous n’avez aucun document.", failed: "La liste de vos documents n’a pas pu être lue.",
              more: "En montrer plus" },
    };
    const words = WORDS[document.documentElement.lang.slice(0, 2)] || WORDS.en;
    const launch = new URL("../launch", document.currentScript.src);
    const ID = "loghi-fine-tune";

    // Where the button goes: the first place that the page has. `classes` are the platform's own.
    const PLACES = [
        { find: ".escr-images-header", put: (at, button) => at.insertBefore(button, at.lastElementChild),
          classes: "escr-button escr-button--primary escr-button--large", style: "margin-left:auto;margin-right:1rem" },
        { find: ".escr-document-details .escr-card-actions", put: (at, button) => at.prepend(button),
          classes: "escr-button escr-button--primary escr-button--small", style: "margin-right:.5rem" },
        { find: ".multi-proc", put: (at, button) => at.append(button),
          classes: "btn btn-sm btn-primary ml-1", style: "white-space:nowrap" },
        { find: "#nav-tab .nav-div", put: (at, button) => at.before(button), classes: "nav-item nav-link", style: "" },
        { find: "#nav-tab", put: (at, button) => at.append(button), classes: "nav-item nav-link", style: "" },
        { find: "a[href$='/models/new/']", put: (at, button) => at.after(button),
          classes: "btn btn-primary float-sm-right mr-2", style: "" },
    ];
    // A later version may have none of these places: after so long the button is shown in a corner.
    const PATIENCE_MS = 4000;
    const CORNER = {
        find: "body", put: (at, button) => at.append(button), classes: "btn btn-primary escr-button escr-button--primary",
        style: "position:fixed;right:1rem;bottom:1rem;z-index:1000",
    };

    const inDocument = location.pathname.match(/\/document\/(\d+)\//);
    const onModels = location.pathname.match(/^(.*)\/models\/$/);
    const inEditor = /\/part\/\d+\/edit\/$/.test(location.pathname);
    if (inEditor || !(inDocument || onModels)) return;
    const target = (number) => `${launch.pathname}?document=${encodeURIComponent(number)}`;

    function make(place) {
        const button = document.createElement("a");
        button.id = ID;
        button.className = place.classes;
        button.style.cssText = `${place.style};text-decoration:none`;
        button.textContent = words.button;
        if (inDocument) {
            button.href = target(inDocument[1]);
        } else {
            button.href = "#";
            button.setAttribute("role", "button");
            button.addEventListener("click", (event) => { event.preventDefault(); choose(); });
        }
        return button;
    }

    function add(places) {
        if (document.getElementById(ID)) return;
        for (const place of places) {
            const at = document.querySelector(place.find);
            if (at) { place.put(at, make(place)); return; }
        }
    }

    // On the models page no document is chosen yet.
    function choose() {
        const dialog = document.createElement("dialog");
        dialog.setAttribute("aria-label", words.choose);
        dialog.style.cssText = "max-width:min(40rem,92vw);max-height:80vh;border:1px solid #888;border-radius:.5rem;" +
            "padding:1.25rem;color:#222;background:#fff";
        const heading = document.createElement("p");
        heading.textContent = words.choose;
        heading.style.fontWeight = "bold";
        const list = document.createElement("ul");
        list.style.cssText = "list-style:none;padding:0";
        const more = document.createElement("button");
        const close = document.createElement("button");
        for (const [button, text] of [[more, words.more], [close, words.close]]) {
            button.type = "button";
            button.className = "btn btn-outline-secondary btn-sm mr-2";
            button.textContent = text;
        }
        more.hidden = true;
        close.addEventListener("click", () => dialog.close());
        dialog.addEventListener("close", () => dialog.remove());
        dialog.append(heading, list, more, close);
        document.body.append(dialog);
        dialog.showModal();
        let page = 1;
        const show = async () => {
            more.hidden = true;
            try {
                const prefix = onModels[1].replace(/\/document\/\d+$/, "");
                const answer = await fetch(`${prefix}/api/documents/?ordering=-updated_at&paginate_by=50&page=${page}`);
                if (!answer.ok) throw new Error(String(answer.status));
                const { results, next } = await answer.json();
                for (const item of results) list.append(entry(item));
                if (!list.children.length) heading.textContent = words.none;
                page += 1;
                more.hidden = !next;
            } catch {
                heading.textContent = words.failed;
            }
        };
        more.addEventListener("click", show);
        show();
    }

    function entry(item) {
        const row = document.createElement("li");
        const link = document.createElement("a");
        link.href = target(item.pk);
        link.textContent = item.name;
        link.style.cssText = "display:block;padding:.5rem .25rem";
        row.append(link);
        return row;
    }

    const begun = performance.now();
    const look = () => add(performance.now() - begun > PATIENCE_MS ? [...PLACES, CORNER] : PLACES);
    // the new interface draws its pages late, and again whenever something changes
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    setTimeout(look, PATIENCE_MS + 100);
    look();
})();
